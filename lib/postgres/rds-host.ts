/** Region last before `rds`: instances, clusters, proxies and their endpoints, also in GovCloud. */
const common = /^(?:[a-z0-9-]+\.)+([a-z]{2,}(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com\.?$/iu;
/** In China it stands behind `rds`. */
const china = /^(?:[a-z0-9-]+\.)+rds\.(cn-[a-z]+-\d+)\.amazonaws\.com\.cn\.?$/iu;

/** The region of a host name that only RDS gives out; undefined for every other name. Pure. */
export function rdsRegionOf(host: string): string | undefined {
  return (common.exec(host) ?? china.exec(host))?.[1]?.toLowerCase();
}
