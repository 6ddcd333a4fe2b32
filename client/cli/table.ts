import type { Output } from './output.js';

export type Align = 'left' | 'right';

/** Rows that are held back to find the widths of the columns; beyond, rows are printed as they come, and widths only grow. */
const MAX_HELD_ROWS = 10_000;

export interface Column {
  readonly align: Align;
  /** Characters. Default: 0. */
  readonly minWidth?: number;
}

/** Text in aligned columns. The last column is never padded when it is on the left. */
export class Table {
  readonly #out: Output;
  readonly #columns: readonly Column[];
  readonly #separator: string;
  readonly #widths: number[];
  #held: (readonly string[])[] = [];

  constructor(out: Output, columns: readonly Column[], separator = '  ') {
    this.#out = out;
    this.#columns = columns;
    this.#separator = separator;
    this.#widths = columns.map((column) => column.minWidth ?? 0);
  }

  async row(cells: readonly string[]): Promise<void> {
    this.#held.push(cells);
    cells.forEach((cell, i) => {
      this.#widths[i] = Math.max(this.#widths[i] ?? 0, cell.length);
    });
    if (this.#held.length >= MAX_HELD_ROWS) await this.print();
  }

  /** Prints what is held back. */
  async print(): Promise<void> {
    const rows = this.#held;
    this.#held = [];
    for (const row of rows) await this.#out.line(this.#format(row));
  }

  #format(row: readonly string[]): string {
    const last = this.#columns.length - 1;
    const cells = this.#columns.map(({ align }, i) => {
      const cell = row[i] ?? '';
      if (align === 'right') return cell.padStart(this.#widths[i] ?? 0);
      return i === last ? cell : cell.padEnd(this.#widths[i] ?? 0);
    });
    return cells.join(this.#separator);
  }
}
