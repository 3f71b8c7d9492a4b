import pg from 'pg'

/*
 * Names are any bytes of any length, which an index cannot hold: documents, claims and leases are found by the SHA-256
 * of theirs. The updates of a document above its floor (what its snapshot stands for) are those that count.
 */

/** Makes the tables if they are not there yet, however many servers do so at once. */
export async function createTables(pool: pg.Pool, schema: string): Promise<void> {
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    const at = pg.escapeIdentifier(schema)
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [schema])
    const { rows } = await client.query('SELECT to_regclass($1) AS leases', [`${at}.leases`])
    // Who may write need not be allowed to create.
    if (rows[0]?.leases === null) await client.query(tables(at))
    await client.query('COMMIT')
  } catch (error) {
    failure = error as Error
    throw error
  } finally {
    client.release(failure)
  }
}

const tables = (at: string) => `
CREATE SCHEMA IF NOT EXISTS ${at};
CREATE TABLE ${at}.documents (
  key bytea PRIMARY KEY,
  name bytea NOT NULL,
  seq bigint NOT NULL DEFAULT 0,
  floor bigint NOT NULL DEFAULT 0,
  snapshot bytea
) WITH (fillfactor = 50);
CREATE INDEX ON ${at}.documents (substring(name FROM 1 FOR 64));
CREATE TABLE ${at}.updates (
  document bytea NOT NULL,
  seq bigint NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (document, seq)
);
CREATE TABLE ${at}.claims (
  document bytea NOT NULL,
  key bytea NOT NULL,
  name bytea NOT NULL,
  owner bytea NOT NULL,
  PRIMARY KEY (document, key)
);
CREATE TABLE ${at}.leases (
  key bytea PRIMARY KEY,
  token bigint NOT NULL,
  until timestamptz NOT NULL
);`
