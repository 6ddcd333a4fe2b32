/** Prepared statements, one per connection and text, so that code may write its SQL where it is used. */
import type { Database, Statement } from 'better-sqlite3';

const byConnection = new WeakMap<Database, Map<string, Statement<unknown[], unknown>>>();

/**
 * The prepared statement of `sql`, which must be a constant: a text that is put together from values would fill this cache, and
 * values belong into parameters. `Row` is what `get` and `all` give, as the caller knows from the schema.
 */
export function statement<Row = unknown>(db: Database, sql: string): Statement<unknown[], Row> {
  let statements = byConnection.get(db);
  if (statements === undefined) {
    statements = new Map();
    byConnection.set(db, statements);
  }
  let prepared = statements.get(sql);
  if (prepared === undefined) {
    prepared = db.prepare<unknown[], unknown>(sql);
    statements.set(sql, prepared);
  }
  return prepared as Statement<unknown[], Row>;
}
