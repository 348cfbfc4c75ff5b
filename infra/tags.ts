import { appName, tagKeys } from "#lib/contract.ts";
import { partOf } from "./parts.ts";

/**
 * Puts app, stage and part on every taggable resource, also on those that SST's components make. Call it before the
 * first resource is declared.
 *
 * The classes of the AWS provider name `tagsAll` among their inputs exactly when AWS can tag them; that is how this
 * knows. Resources that are only looked up (`get`) are left alone.
 */
export function tagEverything(stage: string): void {
  $util.runtime.registerStackTransformation(({ name, props, opts }) => {
    if (!("tagsAll" in props) || opts.id !== undefined) return undefined;
    const own = { [tagKeys.app]: appName, [tagKeys.stage]: stage, [tagKeys.part]: partOf(name) };
    const tags = $util
      .output(props["tags"] as Record<string, string> | undefined)
      .apply((given) => ({ ...given, ...own }));
    return { props: { ...props, tags }, opts };
  });
}
