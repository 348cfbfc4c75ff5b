/**
 * What makes a part of a stage that is not there, or as it was. A deploy alone would not notice: it compares with its own state, which
 * still has the part; `sst refresh` takes it out.
 */
export function redeploy(stage: string): string {
  return `npx sst refresh --stage ${stage}, then npx sst deploy --stage ${stage}`;
}
