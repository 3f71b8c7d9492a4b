import pg from 'pg'

/** What a pool or a role may have switched off for speed. */
const DURABLE = `durable AS MATERIALIZED (
  SELECT set_config('synchronous_commit', 'on', true)
  WHERE current_setting('synchronous_commit') IN ('off', 'local')
)`

/** Each is one round trip, one transaction and, for a reader, one moment. */
export function postgresStatements(schema: string) {
  const at = pg.escapeIdentifier(schema)
  return {
    /**
     * Appends many things at once: $1 names, $2 how many updates, $3 and $4 names and tokens of leases or null, $5
     * announcements in base64, $6 all updates as one, $7 their lengths, $8 which of $1 each belongs to (from 1), $9 the
     * channel. Answers for each item (from 1) that was kept. Documents are locked in one order by all, and a lease
     * cannot be taken over before what was written under it is there.
     */
    append: `
WITH ${DURABLE}, item AS MATERIALIZED (
  SELECT nth, sha256(name) AS document, name, count, sha256(lease) AS lease, token, said
  FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[], $5::text[])
    WITH ORDINALITY AS item (name, count, lease, token, said, nth)
), held AS MATERIALIZED (
  SELECT key, token FROM ${at}.leases
  WHERE key = ANY (ARRAY(SELECT lease FROM item WHERE lease IS NOT NULL)) AND until > clock_timestamp()
  ORDER BY key FOR SHARE
), fine AS MATERIALIZED (
  SELECT item.*, sum(count) OVER (PARTITION BY document) - sum(count) OVER (PARTITION BY document ORDER BY nth) AS ahead
  FROM item
  WHERE lease IS NULL OR EXISTS (SELECT FROM held WHERE held.key = item.lease AND held.token = item.token)
), document AS (
  INSERT INTO ${at}.documents AS known (key, name, seq)
  SELECT document, (array_agg(name))[1], sum(count) FROM fine GROUP BY document ORDER BY document
  ON CONFLICT (key) DO UPDATE SET seq = known.seq + excluded.seq
  RETURNING key, seq
), placed AS MATERIALIZED (
  SELECT nth, document, count, said, (seq - ahead)::bigint AS seq
  FROM fine JOIN document ON document.key = fine.document
), piece AS (
  SELECT of, length, sum(length) OVER (ORDER BY place) - length AS start,
    row_number() OVER (PARTITION BY of ORDER BY place) AS place
  FROM unnest($7::int[], $8::bigint[]) WITH ORDINALITY AS piece (length, of, place)
), stored AS (
  INSERT INTO ${at}.updates (document, seq, data)
  SELECT document, seq - count + place, substring($6::bytea FROM (start + 1)::int FOR length)
  FROM placed JOIN piece ON of = nth
)
SELECT nth, seq, pg_notify($9, '. ' || encode(document, 'base64') || ' ' || seq || ' ' || said)
FROM (SELECT * FROM placed ORDER BY nth) AS placed, (SELECT count(*) FROM durable) AS durable`,

    /** $1 name, $2 after. */
    read: `
SELECT 0 AS kind, seq, CASE WHEN floor > $2::bigint THEN snapshot END AS data, NULL::bytea AS owner
FROM ${at}.documents WHERE key = sha256($1)
UNION ALL
SELECT 1, updates.seq, data, NULL FROM ${at}.updates JOIN ${at}.documents ON document = key
WHERE document = sha256($1) AND updates.seq > greatest($2, floor)
UNION ALL
SELECT 2, 0, name, owner FROM ${at}.claims WHERE document = sha256($1)
ORDER BY kind, seq`,

    /** $1 name, $2 state, $3 up to. */
    snapshot: `
WITH ${DURABLE}, document AS (
  UPDATE ${at}.documents SET snapshot = $2, floor = $3
  WHERE key = sha256($1) AND $3::bigint BETWEEN greatest(floor, 1) AND seq RETURNING key
)
DELETE FROM ${at}.updates USING document, (SELECT count(*) FROM durable) AS durable
WHERE document = document.key AND seq <= $3`,

    /**
     * $1 names, $2 keys, $3 owners; no key twice. Answers with the owners. The documents are locked, so that none is
     * erased meanwhile.
     */
    claim: `
WITH ${DURABLE}, item AS MATERIALIZED (
  SELECT sha256(document) AS document, document AS title, sha256(name) AS key, name, owner, nth
  FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS item (document, name, owner, nth)
), document AS (
  INSERT INTO ${at}.documents AS known (key, name)
  SELECT document, (array_agg(title))[1] FROM item GROUP BY document ORDER BY document
  ON CONFLICT (key) DO UPDATE SET seq = known.seq
  RETURNING key
), claim AS (
  INSERT INTO ${at}.claims AS known (document, key, name, owner)
  SELECT item.document, item.key, name, owner FROM item JOIN document ON document.key = item.document
  ORDER BY item.document, item.key
  ON CONFLICT (document, key) DO UPDATE SET owner = known.owner
  RETURNING document, key, owner
)
SELECT nth, claim.owner FROM claim JOIN item USING (document, key), (SELECT count(*) FROM durable) AS durable`,

    /** $1 name, each. The first locks the document against all others, and the rest only if it was there. */
    erase: {
      document: `DELETE FROM ${at}.documents WHERE key = sha256($1)`,
      updates: `DELETE FROM ${at}.updates WHERE document = sha256($1)`,
      claims: `DELETE FROM ${at}.claims WHERE document = sha256($1)`,
    },

    /** $1 prefix, $2 its first bytes, $3 what is behind all that begin so, $4 the last key before this page, $5 its length. */
    names: `
SELECT key, name FROM ${at}.documents
WHERE substring(name FROM 1 FOR 64) >= $2::bytea AND substring(name FROM 1 FOR 64) < $3::bytea
  AND substring(name FROM 1 FOR length($1::bytea)) = $1 AND key > $4
ORDER BY key LIMIT $5`,

    /** $1 name, $2 milliseconds. */
    lease: `
WITH ${DURABLE}
INSERT INTO ${at}.leases AS held (key, token, until)
SELECT sha256($1), 1, clock_timestamp() + $2::float8 * interval '1 ms' FROM (SELECT count(*) FROM durable) AS durable
ON CONFLICT (key) DO UPDATE
SET token = held.token + 1, until = clock_timestamp() + $2::float8 * interval '1 ms'
WHERE held.until <= clock_timestamp() RETURNING token`,

    /** $1 name, $2 token, $3 milliseconds. */
    renew: `
UPDATE ${at}.leases SET until = clock_timestamp() + $3::float8 * interval '1 ms'
WHERE key = sha256($1) AND token = $2 AND until > clock_timestamp()`,

    /** $1 channel, $2 payloads. What is only said need not be on disk. */
    notify: `
WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
SELECT pg_notify($1, payload) FROM quick, unnest($2::text[]) AS payload`,
  }
}

export type PostgresStatements = ReturnType<typeof postgresStatements>
