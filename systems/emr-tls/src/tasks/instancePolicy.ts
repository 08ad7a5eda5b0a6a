import { DeleteRolePolicyCommand, GetRolePolicyCommand } from '@aws-sdk/client-iam';
import { defineTask, field } from 'sluice';
import { orMissing, type Aws } from '../aws';
import { instancePolicy } from '../policies';
import { findDifferences } from '../securityConfiguration';
import { parseDocument, putRolePolicy } from './makeBroker';

const INPUT = {
  roleName: field.text(),
  policyName: field.text(),
  keyArn: field.text(),
  parameterArns: field.texts(),
  functionArn: field.text({ optional: true }),
};

/** Allows the instance profile's role what a node needs. An equal policy is adopted, another of its name a conflict. */
export function createPutInstancePolicy(connect: () => Aws) {
  return defineTask(
    { name: 'put-instance-policy', about: 'Allows the nodes to read their certificates.', input: INPUT },
    async ({ roleName, policyName, functionArn, ...resources }, { signal }) => {
      const document = instancePolicy({ ...resources, functionArn: functionArn ?? null });
      await putRolePolicy(connect().iam, { roleName, policyName, document, signal });
    },
  );
}

/** Takes the policy away if it is the one that the run has put. Answers `{ left: string[] }`. */
export function createRemoveInstancePolicy(connect: () => Aws) {
  return defineTask(
    { name: 'remove-instance-policy', about: 'Takes away what a run has allowed the nodes.', input: INPUT },
    async ({ roleName: RoleName, policyName: PolicyName, functionArn, ...resources }, { signal }) => {
      const { iam } = connect();
      const abort = { abortSignal: signal };
      const name = { RoleName, PolicyName };
      const there = await orMissing(iam.send(new GetRolePolicyCommand(name), abort), 'NoSuchEntityException');
      if (there === null) return { payload: { left: [] } };
      const put = instancePolicy({ ...resources, functionArn: functionArn ?? null });
      if (findDifferences(parseDocument(there.PolicyDocument), put).length > 0)
        return { payload: { left: [`policy ${PolicyName} of ${RoleName}: it is another by now`] } };
      await orMissing(iam.send(new DeleteRolePolicyCommand(name), abort), 'NoSuchEntityException');
      return { payload: { left: [] } };
    },
  );
}
