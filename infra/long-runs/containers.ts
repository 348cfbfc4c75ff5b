import { runCommand } from "./archive.ts";

/** From AWS's public registry, which asks for no login, so that no image has to be built. */
const images = {
  /** Has the AWS command line. */
  fetch: "public.ecr.aws/aws-cli/aws-cli:2.31.0",
  /** Has Node, tar and gzip. The newest of its line, as Lambda's own runtime is, where the stage names none by digest. */
  run: "public.ecr.aws/docker/library/node:24-slim",
};

const folder = "/bundle";
const archive = `${folder}/runner.tar.gz`;

type ContainerOptions = {
  /** Name of the one that runs the runner. */
  readonly name: string;
  /** The one that it runs on; default: the newest of Node's line. */
  readonly image: string | undefined;
  readonly bundle: { readonly bucket: $util.Input<string>; readonly key: $util.Input<string> };
  readonly environment: Readonly<Record<string, $util.Input<string>>>;
  readonly logGroup: $util.Input<string>;
  readonly region: $util.Input<string>;
};

/**
 * Two containers, one after the other, with one folder between them: the first fetches the bundle and ends, the second
 * unpacks and runs it, as a user without rights. Nothing else can be written to.
 */
export function describeContainers({ name, image, bundle, environment, logGroup, region }: ContainerOptions) {
  const shared = {
    readonlyRootFilesystem: true,
    privileged: false,
    linuxParameters: { initProcessEnabled: true },
    mountPoints: [{ sourceVolume: "bundle", containerPath: folder, readOnly: false }],
    logConfiguration: {
      logDriver: "awslogs",
      options: { "awslogs-group": logGroup, "awslogs-region": region, "awslogs-stream-prefix": "task" },
    },
  };
  return [
    {
      ...shared,
      name: "bundle",
      image: images.fetch,
      essential: false,
      // A fresh folder belongs to root: only root can open it for the runner.
      user: "0",
      entryPoint: ["sh", "-c"],
      command: [
        $interpolate`aws s3 cp --only-show-errors s3://${bundle.bucket}/${bundle.key} ${archive} && chmod 1777 ${folder}`,
      ],
    },
    {
      ...shared,
      name,
      image: image ?? images.run,
      essential: true,
      user: "1000",
      dependsOn: [{ containerName: "bundle", condition: "SUCCESS" }],
      workingDirectory: folder,
      entryPoint: ["sh", "-c"],
      command: [runCommand],
      environment: [...Object.entries(environment), ["TMPDIR", folder] as const].map(([key, value]) => ({
        name: key,
        value,
      })),
    },
  ];
}

export const volumes = [{ name: "bundle" }];
