import { AwsError } from "../aws/aws-error.ts";
import {
  noSuchDocument,
  notConnected,
  type SessionParameters,
  type SessionRequest,
  type SessionTarget,
} from "../aws/ssm-sessions.ts";
import type { Address } from "./port-forward.ts";

/** AWS's own document for a forward to any host, which the caller names. */
const remoteHostDocument = "AWS-StartPortForwardingSessionToRemoteHost";

/** What a document lets the caller say: a pattern, and a value for who says nothing. */
type ParameterRule = { readonly pattern: RegExp; readonly text: string; readonly preset?: string };

const portPattern = String.raw`^([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$`;
const hostPattern = "^[^,$^&\\(\\)!;'\"<>\\`{}\\[\\]\\|#=]{3,}$";
const remoteHostRules: Readonly<Record<string, ParameterRule>> = {
  host: { pattern: /^[^,$^&()!;'"<>`{}[\]|#=]{3,}$/u, text: hostPattern, preset: "localhost" },
  portNumber: { pattern: new RegExp(portPattern, "u"), text: portPattern, preset: "80" },
  localPortNumber: { pattern: new RegExp(portPattern, "u"), text: portPattern, preset: "0" },
};

/**
 * Whom a session would be with, and where it would lead, in this order: the document, its parameters, the target.
 *
 * @param documents those with a fixed host and port, by name
 * @throws AwsError as StartSession has them
 */
export function admitSession(
  request: SessionRequest,
  documents: Readonly<Record<string, Address>>,
  targets: readonly SessionTarget[],
): Address {
  const { target, documentName = "SSM-SessionManagerRunShell", parameters = {} } = request;
  const destination = findDestination(documentName, parameters, documents);
  if (targets.find(({ instanceId }) => instanceId === target)?.state !== "online") throw notConnected(target);
  return destination;
}

function findDestination(
  name: string,
  parameters: SessionParameters,
  documents: Readonly<Record<string, Address>>,
): Address {
  if (name === remoteHostDocument) {
    const values = readParameters(parameters, remoteHostRules);
    return { host: values["host"] ?? "", port: Number(values["portNumber"]) };
  }
  const fixed = Object.hasOwn(documents, name) ? documents[name] : undefined;
  if (fixed === undefined) throw noSuchDocument(name);
  readParameters(parameters, {});
  return fixed;
}

function readParameters(
  parameters: SessionParameters,
  rules: Readonly<Record<string, ParameterRule>>,
): Record<string, string> {
  for (const name of Object.keys(parameters)) {
    if (!Object.hasOwn(rules, name)) {
      throw new AwsError("InvalidParameters", `Parameter "${name}" is not defined in the document.`);
    }
  }
  return Object.fromEntries(
    Object.entries(rules).map(([name, { pattern, text, preset = "" }]) => {
      const values = parameters[name] ?? [preset];
      const [value = ""] = values;
      if (values.length !== 1 || !pattern.test(value)) {
        throw new AwsError(
          "InvalidParameters",
          `Parameter "${name}" has value "${values.join(",")}" not matching "${text}".`,
        );
      }
      return [name, value];
    }),
  );
}
