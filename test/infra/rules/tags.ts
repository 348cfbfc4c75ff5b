import { parts } from "../../../infra/parts.ts";
import { appName, tagKeys } from "#lib/contract.ts";
import { isTaggable } from "../../support/sst/taggable.ts";
import { input, type Rule } from "./rule.ts";

const knownParts: readonly string[] = Object.values(parts);

export const tagRules: readonly Rule[] = [
  {
    id: "tags-complete",
    title: "Every resource that AWS can tag says its app, its stage and its part",
    securityHub: [],
    violations: ({ resources, app }) =>
      resources
        .filter(({ isCustom, importId, type }) => isCustom && importId === undefined && isTaggable(type))
        .filter(
          (resource) =>
            input(resource, "tags", tagKeys.app) !== appName ||
            input(resource, "tags", tagKeys.stage) !== app.stage ||
            !knownParts.includes(String(input(resource, "tags", tagKeys.part))),
        )
        .map(({ name, type }) => `${name} (${type}): lacks a tag`),
  },
];
