/**
 * Where machines stand: a rack is a path such as `/dc1/rack7`, and two places are the nearer the longer the common beginning of
 * their paths is (HDFS's NetworkTopology).
 */
import { type Random, shuffled } from '../common/random.js';

/** The rack of a DataNode that names none. */
const DEFAULT_RACK = '/default-rack';

const RACK_LENGTH_MAX = 255;

/** Where a machine stands. */
export interface Place {
  readonly host: string;
  readonly rack: string;
}

/** The rack as it is stored: without a slash at its end. Undefined when `text` is not the path of a rack. */
export function parseRack(text: string): string | undefined {
  if (text === '') return DEFAULT_RACK;
  const rack = text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text;
  return rack.length <= RACK_LENGTH_MAX && /^(\/[A-Za-z0-9_.:-]+)+$/.test(rack) ? rack : undefined;
}

/**
 * Steps from a machine in one rack up to the nearest common ancestor and down to a machine in the other: 2 within a rack, 4 between
 * racks of one parent, 6 between data centres.
 */
export function rackDistance(a: string, b: string): number {
  if (a === b) return 2;
  const left = a.split('/');
  const right = b.split('/');
  let common = 0;
  while (common < left.length && common < right.length && left[common] === right[common]) common++;
  return left.length + right.length - 2 * common + 2;
}

/** Distance of a DataNode from a client on `host`, which stands in `rack` (undefined: nobody knows). On the same host: 0. */
function distanceFromClient(place: Place, host: string, rack: string | undefined): number {
  if (host !== '' && place.host === host) return 0;
  return rack === undefined ? Number.MAX_SAFE_INTEGER : rackDistance(place.rack, rack);
}

/** The rack of `host`, if a DataNode runs there. */
export function rackOfHost(host: string, places: Iterable<Place>): string | undefined {
  if (host === '') return undefined;
  for (const place of places) if (place.host === host) return place.rack;
  return undefined;
}

export interface ReaderView {
  /** Host of the reader; '' when unknown. */
  readonly host: string;
  readonly rack: string | undefined;
}

/**
 * Replicas in the order in which a reader should try them: on its host, in its rack, elsewhere; those that may not answer after all
 * others. Equal ones are in random order, so that readers spread over them.
 */
export function sortForReader<T extends Place>(
  replicas: readonly T[],
  reader: ReaderView,
  isDoubtful: (replica: T) => boolean,
  random: Random,
): T[] {
  return shuffled(replicas, random)
    .map((replica) => ({
      replica,
      doubtful: isDoubtful(replica) ? 1 : 0,
      distance: distanceFromClient(replica, reader.host, reader.rack),
    }))
    .sort((a, b) => a.doubtful - b.doubtful || a.distance - b.distance)
    .map(({ replica }) => replica);
}

/**
 * The order of a pipeline: nearest to the writer first, then always the nearest to the one before, so that the bytes cross as few
 * switches as possible. Equal ones stay in the given order.
 */
export function pipelineOrder<T extends Place>(targets: readonly T[], writer: ReaderView): T[] {
  const left = [...targets];
  const ordered: T[] = [];
  let previous: T | undefined;
  while (left.length > 0) {
    const from = previous;
    const next = nearest(left, (target) =>
      from === undefined ? distanceFromClient(target, writer.host, writer.rack) : rackDistance(target.rack, from.rack),
    );
    left.splice(left.indexOf(next), 1);
    ordered.push(next);
    previous = next;
  }
  return ordered;
}

function nearest<T>(places: readonly T[], distance: (place: T) => number): T {
  return places.reduce((best, place) => (distance(place) < distance(best) ? place : best));
}
