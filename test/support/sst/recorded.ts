/** What one evaluation of the program leaves: plain data, so that it can cross a process boundary. */

export type RecordedOptions = {
  /** Logical name of the component or stack above. */
  readonly parent: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  readonly ignoreChanges: readonly string[];
  /** Logical names, of explicit `dependsOn` and of inputs alike. */
  readonly dependsOn: readonly string[];
};

export type RecordedResource = {
  /** Pulumi's, for example `aws:ec2/securityGroup:SecurityGroup`. */
  readonly type: string;
  /** Logical name. Physical names carry random suffixes. */
  readonly name: string;
  /** False for components, which group resources. */
  readonly isCustom: boolean;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Paths of the inputs that Pulumi encrypts in the state. */
  readonly secretInputs: readonly string[];
  readonly importId?: string;
  readonly options: RecordedOptions;
};

export type RecordedOutput = { readonly value: unknown; readonly isSecret: boolean };

export type Evaluation = {
  /** What `app()` returned. */
  readonly app: { readonly name: string; readonly stage: string; readonly removal: string; readonly protect: boolean };
  readonly resources: readonly RecordedResource[];
  readonly outputs: Readonly<Record<string, RecordedOutput>>;
  /** Messages, in order; those inside of `apply` too. Empty when the program would deploy. */
  readonly errors: readonly string[];
};
