import type { StageSettings } from "../settings/schema.ts";

type Bastion = StageSettings["network"]["bastion"];

/**
 * What an instance does at its first start. The images differ in what they bring: one build of fck-nat lacks the SSM
 * agent, another masks sshd. So each service is put into the state that the stage wants, whatever it was in. Pure.
 *
 * The public address of a NAT instance comes some seconds after its start, hence the wait before a download.
 */
export function userData(bastion: Bastion): string {
  const agent = bastion === "none" ? stopAgent : startAgent;
  const ssh = bastion === "ssh" ? startSsh : stopSsh;
  return `#!/bin/bash\nset -u\n${agent}\n${ssh}\n`;
}

const startAgent = `
if ! rpm --quiet -q amazon-ssm-agent; then
  until dnf install --assumeyes amazon-ssm-agent; do sleep 5; done
fi
systemctl unmask amazon-ssm-agent
systemctl enable --now amazon-ssm-agent`.trim();

const stopAgent = "systemctl mask --now amazon-ssm-agent || true";

const startSsh = `
systemctl unmask sshd
systemctl enable --now sshd`.trim();

const stopSsh = "systemctl mask --now sshd sshd.socket || true";
