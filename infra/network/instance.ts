import type { StageSettings } from "../settings/schema.ts";
import { userData } from "./user-data.ts";

/**
 * What every instance of ours has, whatever it is for: no access to its credentials without a session (IMDSv2), one hop
 * from the instance itself, an encrypted disk, and its services as `userData` puts them.
 */
export function instanceDefaults(bastion: StageSettings["network"]["bastion"]) {
  return {
    metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
    rootBlockDevice: { encrypted: true },
    userData: userData(bastion),
    userDataReplaceOnChange: true,
  };
}

/** A newer image or other user data would replace the instance in any deploy; a zone is renewed when it is asked for. */
export const ignoredUnlessRenewed = ["ami", "userData"];
