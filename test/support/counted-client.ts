import type pg from "pg";

/** As `client`, and keeps what it was asked: a query is a round trip. */
export function countQueries(client: pg.Client) {
  const queries: string[] = [];
  const query = async (text: string, values?: unknown[]) => {
    queries.push(text);
    return await client.query(text, values);
  };
  return { queries, client: { query } as unknown as pg.Client };
}
