import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { PosternError } from "#lib/base/errors.ts";
import { type AwsAccess, environmentAccess } from "./aws-access.ts";
import { checkEndpointVariables } from "./endpoint-variables.ts";
import { localStageName } from "#lib/contract.ts";

/** What the local stage writes (mode 0600) while it runs, so that the command line finds its AWS endpoint. */
const localAwsSchema = v.object({
  url: v.pipe(v.string(), v.url()),
  region: v.string(),
  accessKeyId: v.string(),
  secretAccessKey: v.string(),
  /** The CA of its database. */
  caFile: v.exactOptional(v.string()),
});

export type AccessOptions = {
  readonly stage: string;
  /** The local stage's `aws.json`. */
  readonly localFile: string;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * How to reach the AWS that holds `stage`: for the stage `local` the endpoint that it left in `localFile`, unless the
 * user named one with AWS_ENDPOINT_URL; for any other stage whatever the AWS SDK finds.
 *
 * @throws PosternError `stage.not-running`; `config.invalid` for a file that this version cannot read, or an endpoint that is no URL
 */
export async function findAccess({ stage, localFile, env }: AccessOptions): Promise<AwsAccess> {
  checkEndpointVariables(env);
  if (stage !== localStageName || (env["AWS_ENDPOINT_URL"] ?? "") !== "") return environmentAccess;
  const json = await readLocalFile(localFile);
  const about = { what: `The file ${localFile}`, code: "config.invalid", hint: "Restart the local stage." } as const;
  const schema = v.pipe(v.string(), v.parseJson(undefined, "expected JSON"), localAwsSchema);
  const { url, region, caFile, ...credentials } = parseInput(schema, json, about);
  const known = caFile === undefined ? {} : { databaseCaFile: caFile };
  return { source: "local-stage", endpoint: url, region, credentials, ...known };
}

async function readLocalFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      const message = `The local stage is not running: ${file} is not there.`;
      const hint =
        "Start it with `npm run local` and leave it open; one that was started with --data is found with the same flag.";
      throw new PosternError("stage.not-running", message, { cause: error, hint });
    }
    throw new PosternError("config.invalid", `${file} cannot be read.`, { cause: error });
  }
}
