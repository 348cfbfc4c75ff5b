import { mask } from "#lib/doctor/report/mask.ts";
import type { ReportTarget } from "#lib/doctor/report/target.ts";
import { findVerdictPage } from "#lib/doctor/report/verdict-page.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import { readCheckout } from "../provenance.ts";
import { describeChange, describeDoctorReport } from "../report/doctor-report.ts";
import { type ReportFile, writeReportFile } from "./report-file.ts";
import type { WatchOptions } from "./watch.ts";

export type ReporterOptions = {
  readonly target: ReportTarget;
  readonly isUnmasked: boolean;
  /** Where a page goes, too. */
  readonly file?: ReportFile;
};

export type Reporter = Pick<WatchOptions, "showReport" | "showChange"> & {
  /** Shows the only report there is. */
  readonly show: WatchOptions["showReport"];
  /** From now on no report shows this. */
  readonly hide: (secret: string) => void;
};

/** Shows reports on stdout and, where it was asked for, as a page: masked, the page more than the terminal. */
export function createReporter(options: ReporterOptions, { output, root }: CommandContext): Reporter {
  const { isUnmasked, file } = options;
  const secrets = new Set<string>();
  const masked = (report: DoctorReport, isForStrangers = false) =>
    mask({ report, target: options.target }, { isUnmasked, isForStrangers, secrets: [...secrets] });

  const writePage = async (raw: DoctorReport, at: Date) => {
    if (file === undefined) return;
    // Loaded here: most have no page made.
    const { renderPage } = await import("#lib/doctor/report/html/page.ts");
    const { version, gitCommit } = await readCheckout(root);
    const explanation = findVerdictPage(raw.verdict.code);
    const page = renderPage({
      ...masked(raw, true),
      at,
      version: gitCommit === undefined ? version : `${version} (${gitCommit.slice(0, 12)})`,
      isUnmasked,
      ...(explanation === undefined ? {} : { explanation }),
    });
    await writeReportFile(file, page);
    output.note(`report: ${file.path}`);
  };

  const print = (raw: DoctorReport, facts: object) => {
    const { report, target } = masked(raw);
    output.result({ ...facts, ...report }, (_, style, columns) =>
      describeDoctorReport(report, { target, style, columns }),
    );
  };
  return {
    hide: (secret) => void secrets.add(secret),
    show: async (report, at) => {
      print(report, {});
      await writePage(report, at);
    },
    showReport: async (report, at) => {
      print(report, { event: "report", at: at.toISOString() });
      await writePage(report, at);
    },
    showChange: async (from, to, at) => {
      const { report } = masked(to);
      const change = {
        event: "changed",
        at: at.toISOString(),
        from: from.verdict.code,
        to: to.verdict.code,
        ...report,
      };
      output.result(change, (_, style, columns) => describeChange(from.verdict.code, report, at, { style, columns }));
      await writePage(to, at);
    },
  };
}
