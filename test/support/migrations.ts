import type { Migration } from "#lib/migrate/source.ts";

/** A migration as `readMigrations` would give it, without a folder. */
export function makeMigration(text: string, index = 0): Migration {
  const tag = `000${index}_step`;
  const statements = text.split("--> statement-breakpoint").map((part) => part.trim());
  return { index, tag, when: 1000 + index, checksum: `sum-${index}-${text}`, file: `${tag}.sql`, text, statements };
}
