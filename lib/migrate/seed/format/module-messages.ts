/** What is asked of the thread that seed modules run in, and what it replies. Plain data. */
export type ModuleRequest = { readonly id: number } & (
  | { readonly type: "load"; readonly file: ModuleFile }
  /** Begins the rows of a module that was loaded, from the first. `reading` is the caller's number for it. */
  | { readonly type: "open"; readonly file: ModuleFile; readonly reading: number }
  | { readonly type: "next"; readonly reading: number }
  /** Has no reply. */
  | { readonly type: "close"; readonly reading: number }
);

export type ModuleReply = { readonly id: number } & (
  | { readonly type: "loaded"; readonly module: LoadedModule }
  | { readonly type: "opened" }
  /** `failure`: of the row behind these. */
  | {
      readonly type: "rows";
      readonly rows: readonly (readonly unknown[])[];
      readonly isDone: boolean;
      readonly failure?: ModuleFailure;
    }
  | { readonly type: "failed"; readonly failure: ModuleFailure }
);

export type ModuleFailure = { readonly message: string; readonly hint?: string | undefined };

/** A module of a set, by its path. */
export type ModuleFile = { readonly name: string; readonly path: string };

export type LoadedModule = {
  readonly table: string;
  readonly columns: readonly string[];
  readonly conflict?: readonly string[] | undefined;
};
