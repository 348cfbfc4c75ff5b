import { mapTexts } from "./map-texts.ts";
import { hideSecrets } from "./secrets.ts";

/** How much a report tells of where it was made. */
export type Masking = {
  /** Shows everything but secrets. */
  readonly isUnmasked: boolean;
  /** For a file that leaves the house: the addresses and ids of single machines, too. */
  readonly isForStrangers: boolean;
  /** Of this run: hidden wherever they stand. */
  readonly secrets: readonly string[];
};

/**
 * The same document with every text in it masked:
 *
 * 1. Secrets, always.
 * 2. What identifies the account, unless `isUnmasked`: account ids, access key ids (an account id can be read from one), and
 *    the random part of host names that AWS gives to an account.
 * 3. Public addresses, and the ids of instances and network parts but for their last four letters, where it is for strangers.
 *
 * Names that people chose stay, and so do private addresses, which say nothing outside.
 */
export function mask<Document>(document: Document, masking: Masking): Document {
  const rules = masking.isUnmasked ? [] : [...ofTheAccount, ...(masking.isForStrangers ? ofMachines : [])];
  return mapTexts(document, (text) => rules.reduce((masked, rule) => rule(masked), hideSecrets(text, masking.secrets)));
}

type Rule = (text: string) => string;

/** What EC2 puts before its hexadecimal ids. */
const kinds = "i|mi|eni|eipalloc|eipassoc|vpc|subnet|sg|sgr|rtb|rtbassoc|nat|igw|vgw|tgw|vpce|acl|vol|ami";
const resourceOrDigits = new RegExp(
  `(?<![\\w-])(?:${kinds})-(?:[0-9a-f]{17}|[0-9a-f]{8})\\b|\\p{Nd}(?:\\p{Cf}*\\p{Nd}){11,}`,
  "gu",
);
const resource = new RegExp(`\\b(${kinds})-[0-9a-f]{4,13}([0-9a-f]{4})\\b`, "gu");

const ofTheAccount: readonly Rule[] = [
  // Access keys and principals: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
  (text) => text.replaceAll(/(ABIA|ACCA|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|APKA|AROA|ASCA|ASIA)[A-Z0-9]{12,}/gu, "$1…"),
  // Instance, proxy and cluster endpoints: name.RANDOM.region.rds.amazonaws.com, name.proxy-RANDOM.region…
  (text) =>
    text.replaceAll(
      /\.((?:proxy-|cluster-|cluster-ro-|cluster-custom-)?)[a-z0-9]+(\.[a-z]{2}(?:-[a-z]+)+-\d\.rds\.amazonaws\.com)/giu,
      ".$1***$2",
    ),
  (text) => text.replaceAll(/\.(proxy-)?[a-z0-9]+(\.rds\.cn-[a-z]+-\d\.amazonaws\.com\.cn)/giu, ".$1***$2"),
  // Function URLs and gateways begin with their random part.
  (text) =>
    text.replaceAll(
      /[a-z0-9]+(\.(?:lambda-url|execute-api)\.[a-z]{2}(?:-[a-z]+)+-\d\.(?:on\.aws|amazonaws\.com))/giu,
      "***$1",
    ),
  // An account id has 12 digits. Longer runs go with it, for one may begin or end in another number (%20123456789012); so
  // do those with something invisible, or the console's hyphens, in between. A resource's id may have as many by chance.
  (text) => text.replaceAll(resourceOrDigits, (found) => (/^[a-z]/u.test(found) ? found : "(account)")),
  (text) => text.replaceAll(/(?<!\p{Nd})\p{Nd}{4}([-‐-― ._])\p{Nd}{4}\1\p{Nd}{4}(?!\p{Nd})/gu, "(account)"),
];

const ofMachines: readonly Rule[] = [
  (text) => text.replaceAll(resource, "$1-…$2"),
  // EC2 names a machine by its public address: ec2-203-0-113-7.compute-1.amazonaws.com
  (text) => text.replaceAll(/\bec2-\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}\b/gu, "ec2-…"),
  (text) =>
    text.replaceAll(/(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/gu, (address) =>
      isPrivate(address) ? address : "(public address)",
    ),
  (text) =>
    text.replaceAll(/(?<![\w:])[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/giu, (address) =>
      /^2|^3/u.test(address) && /::|(?:[^:]+:){7}/u.test(address) ? "(public address)" : address,
    ),
];

/** Of RFC 1918, of carriers (RFC 6598), link-local and loopback; and what is none, as 0.0.0.0 or a version number. */
function isPrivate(address: string): boolean {
  const [first = 0, second = 0] = address.split(".").map(Number);
  return (
    address.split(".").some((part) => Number(part) > 255) ||
    [0, 10, 127].includes(first) ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 169 && second === 254) ||
    (first === 100 && second >= 64 && second < 128)
  );
}
