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

/**
 * A newer image, other user data or a key pair (which comes and goes with `bastion: "ssh"`) would replace every instance in
 * one deploy; a zone is renewed when it is asked for. The key pair goes with the user data: an instance that was replaced
 * for the key alone would be given the user data of before, which masks sshd.
 */
export const ignoredUnlessRenewed = ["ami", "userData", "keyName"];
