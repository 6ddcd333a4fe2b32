/**
 * Counts the results in what AVA prints, line by line:
 *
 *       ✔ crc32c › the empty text has checksum 0
 *       - [skip] crc32c › needs big endian
 *       ✘ [fail]: crc32c › continues over buffers
 *       ✘ test/crc32c.test.ts exited due to SIGKILL
 *       ─
 *       (details of the failures, then totals)
 *       1 test failed
 */
import { stripVTControlCharacters } from 'node:util';

export class AvaResults {
  passed = 0;
  failed = 0;
  skipped = 0;
  /** @type {string[]} one line for each failure */
  failures = [];
  #inDetails = false;

  /**
   * Takes a line without its line end.
   * @param {string} colored
   */
  read(colored) {
    const line = stripVTControlCharacters(colored);
    if (/^ {2}─$/.test(line)) this.#inDetails = true;
    else if (this.#inDetails) this.#compare(line);
    else if (/^ {2}✔ /.test(line)) this.passed++;
    else if (/^ {2}- \[(skip|todo)\] /.test(line)) this.skipped++;
    else if (/^ {2}✘ /.test(line)) this.fail(line.slice(4));
  }

  /**
   * Adds a failure.
   * @param {string} what
   */
  fail(what) {
    this.failed++;
    this.failures.push(what);
  }

  /**
   * AVA itself tells how many tests passed when none failed: the same number, or we do not understand what it prints.
   * @param {string} line
   */
  #compare(line) {
    const total = /^ {2}(\d+) tests? passed$/.exec(line)?.[1];
    if (total !== undefined && Number(total) !== this.passed) {
      this.fail(`AVA counts ${total} tests that passed, and its output shows ${this.passed}`);
    }
  }

  /**
   * Ends the count. @param {number | string | null} exit AVA's exit code, or the signal that ended it
   */
  end(exit) {
    if (exit !== 0 && this.failed === 0) this.fail(`AVA ended with ${exit}, although no test failed`);
    if (this.passed + this.failed === 0) this.fail('no test was run');
  }

  /** `N passed, N failed`, with the number of skipped tests when there are any. */
  summary() {
    const skipped = this.skipped === 0 ? '' : `, ${this.skipped} skipped`;
    return `${this.passed} passed, ${this.failed} failed${skipped}`;
  }
}
