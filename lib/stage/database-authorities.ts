import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { rdsRegionOf } from "#lib/postgres/rds-host.ts";

/**
 * The CAs that may sign for a stage's database, as PEM: those of RDS in its region. The local stage has one of its own, whose file
 * it names.
 *
 * @throws PosternError `config.invalid` where they are not known
 */
export async function findStageAuthorities(host: string, localCaFile: string | undefined): Promise<readonly string[]> {
  if (localCaFile !== undefined) {
    const { readCaFile } = await import("#lib/postgres/tls.ts");
    return await readCaFile(localCaFile);
  }
  const region = rdsRegionOf(host);
  const { findRdsAuthorities } = await import("#lib/postgres/rds-authorities.ts");
  const found = region === undefined ? undefined : await findRdsAuthorities(region, systemClock.wallTime());
  if (found !== undefined) return found;
  const where = region === undefined ? `the host ${host}` : `RDS in ${region}`;
  throw new PosternError("config.invalid", `No CAs are known for ${where}.`, {
    hint: "Name the PEM file that has them: --ca FILE.",
  });
}
