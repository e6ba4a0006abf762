/**
 * The fields of Kubernetes that `deploy/` uses, after the API reference of batch/v1 Job and core/v1 PodTemplateSpec
 * (https://kubernetes.io/docs/reference/kubernetes-api/) and the custom resource of the MPI operator (kubeflow.org/v2beta1). Strict: what is not
 * here is an error, as a misspelt field would be dropped by the API server.
 */
import { z } from 'zod';

/** RFC 1123. */
const label = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
const count = z.number().int().min(0);
const quantity = z
  .string()
  .regex(/^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/, 'not a quantity, as in 500m or 4Gi');
const resources = z.record(z.string().regex(/^(cpu|memory|ephemeral-storage|[a-z.]+\/[a-z]+)$/), quantity);

const container = z.strictObject({
  name: label,
  image: z.string().min(1),
  workingDir: z.string().startsWith('/').optional(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z
    .array(z.strictObject({ name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), value: z.string() }))
    .optional(),
  resources: z.strictObject({ requests: resources.optional(), limits: resources.optional() }).optional(),
  volumeMounts: z
    .array(
      z.strictObject({
        name: label,
        mountPath: z.string().startsWith('/'),
        readOnly: z.boolean().optional(),
      }),
    )
    .optional(),
});

const volume = z.strictObject({
  name: label,
  persistentVolumeClaim: z.strictObject({ claimName: label, readOnly: z.boolean().optional() }),
});

const podSpec = z
  .strictObject({
    restartPolicy: z.enum(['Never', 'OnFailure']).optional(), // of a job
    terminationGracePeriodSeconds: count.optional(),
    containers: z.array(container).min(1),
    volumes: z.array(volume).optional(),
  })
  .superRefine(({ containers, volumes = [] }, context) => {
    const known = volumes.map(({ name }) => name);
    const mounts = containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
    for (const { name } of mounts.filter(({ name }) => !known.includes(name))) {
      context.addIssue({ code: 'custom', message: `no volume is called ${name}` });
    }
  });

const metadata = z.strictObject({ name: label, labels: z.record(z.string(), z.string()).optional() });
const template = z.strictObject({ metadata: metadata.partial().optional(), spec: podSpec });

const job = z.strictObject({
  apiVersion: z.literal('batch/v1'),
  kind: z.literal('Job'),
  metadata,
  spec: z
    .strictObject({
      completionMode: z.enum(['NonIndexed', 'Indexed']).optional(),
      completions: count.optional(),
      parallelism: count.optional(),
      backoffLimit: count.optional(),
      backoffLimitPerIndex: count.optional(), // of indexed jobs
      maxFailedIndexes: count.optional(),
      template: template.refine(
        ({ spec }) => spec.restartPolicy !== undefined,
        'a job needs a restartPolicy',
      ),
    })
    .superRefine((spec, context) => {
      if (spec.completionMode !== 'Indexed') return;
      for (const { env = [] } of spec.template.spec.containers) {
        const shards = env.find(({ name }) => name === 'SHARD_COUNT')?.value;
        if (shards !== String(spec.completions)) {
          context.addIssue({ code: 'custom', message: 'SHARD_COUNT is to be the completions' });
        }
      }
    }),
});

const replica = z.strictObject({
  replicas: count,
  restartPolicy: z.enum(['Never', 'OnFailure', 'Always', 'ExitCode']).optional(),
  template,
});

const mpiJob = z.strictObject({
  apiVersion: z.literal('kubeflow.org/v2beta1'),
  kind: z.literal('MPIJob'),
  metadata,
  spec: z
    .strictObject({
      slotsPerWorker: count.optional(),
      sshAuthMountPath: z.string().startsWith('/').optional(),
      mpiImplementation: z.enum(['OpenMPI', 'Intel', 'MPICH']).optional(),
      launcherCreationPolicy: z.enum(['AtStartup', 'WaitForWorkersReady']).optional(),
      runPolicy: z
        .strictObject({
          cleanPodPolicy: z.enum(['None', 'Running', 'All']).optional(),
          ttlSecondsAfterFinished: count.optional(),
          activeDeadlineSeconds: count.optional(),
          backoffLimit: count.optional(),
          suspend: z.boolean().optional(),
        })
        .optional(),
      mpiReplicaSpecs: z.strictObject({
        Launcher: replica.refine(({ replicas }) => replicas === 1, 'there is one launcher'),
        Worker: replica,
      }),
    })
    .superRefine(({ slotsPerWorker = 1, mpiReplicaSpecs: { Launcher, Worker } }, context) => {
      const [{ command = [], args = [] }] = Launcher.template.spec.containers;
      const words = [...command, ...args];
      const processes = Number(words[words.indexOf('-n') + 1]);
      if (processes !== slotsPerWorker * Worker.replicas) {
        context.addIssue({
          code: 'custom',
          message: `${processes} processes are not the slots of all workers`,
        });
      }
    }),
});

export const schemas: Record<string, z.ZodType | undefined> = {
  'batch/v1 Job': job,
  'kubeflow.org/v2beta1 MPIJob': mpiJob,
};
