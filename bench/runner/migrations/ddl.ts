/** Statements of one migration. */
export type BenchMigration = { readonly tag: string; readonly statements: readonly string[] };

/**
 * What a schema that grows looks like: tables with a key and a dozen columns, and then, one migration each, a column, an
 * index, a check and a foreign key, and comments.
 */
export function makeMigrations(count: number): BenchMigration[] {
  return Array.from({ length: count }, (_, index) => {
    const place = Math.floor(index / kinds.length);
    const kind = kinds[index % kinds.length] ?? createTable;
    return { tag: `${String(index).padStart(4, "0")}_${kind.name}`, statements: kind(place) };
  });
}

const kinds = [createTable, addColumn, createIndex, addConstraints, addComments];

function createTable(place: number): string[] {
  return [
    `create table account_${place} (
  id bigint generated always as identity constraint account_${place}_pkey primary key,
  tenant_id bigint not null,
  parent_id bigint,
  name text not null,
  email varchar(320) not null,
  status text default 'new' not null,
  amount numeric(12, 2) default 0 not null,
  is_active boolean default true not null,
  details jsonb,
  tags text[],
  created_at timestamptz default now() not null,
  updated_at timestamptz default now() not null
);`,
  ];
}

function addColumn(place: number): string[] {
  return [`alter table account_${place} add column note text default '' not null;`];
}

function createIndex(place: number): string[] {
  return [`create index account_${place}_tenant_idx on account_${place} (tenant_id, created_at);`];
}

function addConstraints(place: number): string[] {
  const other = Math.max(0, place - 1);
  return [
    `alter table account_${place} add constraint account_${place}_amount_check check (amount >= 0);`,
    `alter table account_${place} add constraint account_${place}_parent_fkey foreign key (parent_id) references account_${other} (id);`,
  ];
}

function addComments(place: number): string[] {
  return [
    `comment on table account_${place} is 'Accounts of part ${place}';`,
    `comment on column account_${place}.email is 'As the owner wrote it';`,
  ];
}
