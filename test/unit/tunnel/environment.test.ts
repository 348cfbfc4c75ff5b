import { expect, test } from "vitest";
import type { PosternError } from "#lib/base/errors.ts";
import { readTunnelEnvironment } from "#lib/tunnel/environment.ts";

const least = { SSH_HOST: "bastion", POSTGRES_REMOTE_HOST: "db.internal" };

function refused(env: Record<string, string | undefined>): PosternError {
  try {
    readTunnelEnvironment(env);
  } catch (error) {
    return error as PosternError;
  }
  throw new Error("It was accepted.");
}

test("two names are enough", () => {
  expect(readTunnelEnvironment({ ...least, SSH_PORT: "", PATH: "/bin" })).toEqual({
    ssh: { server: "bastion", host: "db.internal", port: 5432 },
    tunnel: {},
  });
});

test("everything that may be said is heard", () => {
  const env = {
    ...least,
    SSH_PORT: "2222",
    SSH_USER: "ec2-user",
    SSH_PRIVATE_KEY: "-----BEGIN …",
    SSH_PASSPHRASE: "secret",
    SSH_KNOWN_HOSTS: "/etc/known",
    SSH_MAX_RETRIES: "5",
    SSH_RETRY_DELAY: "2000",
    SSH_HEALTH_CHECK_INTERVAL: "30000",
    POSTGRES_REMOTE_PORT: "5433",
    POSTGRES_LOCAL_PORT: "15432",
  };
  expect(readTunnelEnvironment(env)).toEqual({
    ssh: {
      server: "bastion",
      serverPort: 2222,
      user: "ec2-user",
      host: "db.internal",
      port: 5433,
      key: { text: "-----BEGIN …", from: "SSH_PRIVATE_KEY" },
      passphrase: "secret",
      knownHostsFile: "/etc/known",
    },
    tunnel: { port: 15_432, maxRetries: 5, retryDelayMs: 2000, healthIntervalMs: 30_000 },
  });
  const { SSH_PRIVATE_KEY: _, ...byFile } = { ...env, SSH_KEY_PATH: "~/.ssh/id_ed25519" };
  expect(readTunnelEnvironment(byFile).ssh.key).toEqual({ file: "~/.ssh/id_ed25519" });
});

test("all that is wrong is told together, with what was expected and what was seen, and no secret", () => {
  const error = refused({
    SSH_PORT: "22222222",
    SSH_MAX_RETRIES: "many",
    SSH_RETRY_DELAY: "5",
    SSH_PRIVATE_KEY: "PRIVATE",
    SSH_KEY_PATH: "key",
    SSH_PASSPHRASE: "PASSPHRASE",
    POSTGRES_REMOTE_PORT: "-1",
  });
  expect(error.code).toBe("config.invalid");
  expect(error.message.split("; ")).toEqual([
    "The environment of the tunnel is not valid: SSH_HOST: is missing",
    "SSH_PORT: expected a whole number from 1 to 65535, got 22222222",
    'SSH_MAX_RETRIES: expected a whole number from 0 to 1000000, got "many"',
    "SSH_RETRY_DELAY: expected a whole number from 50 to 86400000 (milliseconds), got 5",
    "POSTGRES_REMOTE_HOST: is missing",
    'POSTGRES_REMOTE_PORT: expected a whole number from 1 to 65535, got "-1"',
    "SSH_KEY_PATH and SSH_PRIVATE_KEY are both set: expected one of them",
  ]);
  expect(error.message).not.toMatch(/"PRIVATE|PASSPHRASE/u);
});
