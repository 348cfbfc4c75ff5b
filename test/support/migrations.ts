import type { Migration } from "#lib/migrate/folder/source.ts";

/** A migration as `readMigrations` would give it, without a folder. */
export function makeMigration(text: string, index = 0): Migration {
  const tag = `000${index}_step`;
  const statements = text.split("--> statement-breakpoint").map((part) => part.trim());
  const when = 1000 + index;
  const checksum = `sum-${index}-${text}`;
  return { index, tag, when, name: `19700101000001_step-${index}`, checksum, file: `${tag}.sql`, text, statements };
}
