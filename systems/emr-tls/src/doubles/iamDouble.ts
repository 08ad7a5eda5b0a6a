import { AwsFault, checkLimits, type Place } from './fault';

interface Role {
  name: string;
  trust: string;
  tags: Map<string, string>;
  policies: Map<string, string>;
}

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
}

/** Roles with inline policies, and instance profiles. */
export class IamDouble {
  readonly roles = new Map<string, Role>();
  /** Profile to role. */
  readonly instanceProfiles = new Map<string, string>();

  constructor(private readonly place: Place) {
    this.addInstanceProfile('EMR_EC2_DefaultRole');
  }

  addInstanceProfile(name: string): void {
    this.roles.set(name, { name, trust: '{}', tags: new Map(), policies: new Map() });
    this.instanceProfiles.set(name, name);
  }

  arnOf(role: string): string {
    return `arn:aws:iam::${this.place.account}:role/${role}`;
  }

  /** Whether an inline policy of the role allows it: exact resources, or `*`. */
  allows(role: string, action: string, resource: string): boolean {
    const list = (value: string | string[]) => (Array.isArray(value) ? value : [value]);
    return [...(this.roles.get(role)?.policies.values() ?? [])].some((text) =>
      (JSON.parse(text) as { Statement: Statement[] }).Statement.some(
        ({ Effect, Action, Resource }) =>
          Effect === 'Allow' &&
          list(Action).includes(action) &&
          list(Resource).some((allowed) => allowed === '*' || allowed === resource),
      ),
    );
  }

  answer(action: string, input: Record<string, string>): string {
    if (action === 'GetInstanceProfile') {
      const name = input['InstanceProfileName']!;
      const role = this.instanceProfiles.get(name);
      if (role === undefined) throw missing(`Instance Profile ${name}`);
      const arn = `arn:aws:iam::${this.place.account}:instance-profile/${name}`;
      return `<InstanceProfile><InstanceProfileName>${name}</InstanceProfileName><InstanceProfileId>AIPAIOSFODNN7EXAMPLE</InstanceProfileId><Path>/</Path><Arn>${arn}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate><Roles><member>${this.describe(this.find(role))}</member></Roles></InstanceProfile>`;
    }
    const name = checkLimits('iam.RoleName', input['RoleName'], 'ValidationError');
    if (action === 'CreateRole') return this.create(name, input);
    const role = this.find(name);
    if (action === 'GetRole') return `<Role>${this.describe(role)}</Role>`;
    if (action === 'ListRoleTags')
      return `<Tags>${[...role.tags].map(([key, value]) => `<member><Key>${key}</Key><Value>${value}</Value></member>`).join('')}</Tags><IsTruncated>false</IsTruncated>`;
    if (action === 'DeleteRole') {
      if (role.policies.size > 0)
        throw new AwsFault('DeleteConflict', 'Cannot delete entity, must delete policies first.', 409);
      this.roles.delete(name);
      return '';
    }
    const policy = checkLimits('iam.PolicyName', input['PolicyName'], 'ValidationError');
    if (action === 'PutRolePolicy') {
      checkPolicy(input['PolicyDocument']!);
      role.policies.set(policy, input['PolicyDocument']!);
      return '';
    }
    const document = role.policies.get(policy);
    if (document === undefined) throw missing(`The role policy with name ${policy}`);
    if (action === 'GetRolePolicy')
      return `<RoleName>${name}</RoleName><PolicyName>${policy}</PolicyName><PolicyDocument>${encodeURIComponent(document)}</PolicyDocument>`;
    role.policies.delete(policy);
    return '';
  }

  private create(name: string, input: Record<string, string>): string {
    if (this.roles.has(name))
      throw new AwsFault('EntityAlreadyExists', `Role with name ${name} already exists.`, 409);
    const trust = input['AssumeRolePolicyDocument']!;
    JSON.parse(trust);
    const tags = new Map<string, string>();
    for (let i = 1; input[`Tags.member.${i}.Key`] !== undefined; i++)
      tags.set(input[`Tags.member.${i}.Key`]!, input[`Tags.member.${i}.Value`]!);
    const role = { name, trust, tags, policies: new Map<string, string>() };
    this.roles.set(name, role);
    return `<Role>${this.describe(role)}</Role>`;
  }

  private find(name: string): Role {
    const role = this.roles.get(name);
    if (role === undefined) throw missing(`The role with name ${name}`);
    return role;
  }

  private describe({ name, trust }: Role): string {
    return `<RoleName>${name}</RoleName><RoleId>AROAIOSFODNN7EXAMPLE</RoleId><Path>/</Path><Arn>${this.arnOf(name)}</Arn><AssumeRolePolicyDocument>${encodeURIComponent(trust)}</AssumeRolePolicyDocument><CreateDate>2026-01-01T00:00:00Z</CreateDate>`;
  }
}

function missing(what: string): AwsFault {
  return new AwsFault('NoSuchEntity', `${what} cannot be found.`, 404);
}

function checkPolicy(text: string): void {
  try {
    const { Version, Statement } = JSON.parse(text) as { Version: string; Statement: Statement[] };
    if (
      Version === '2012-10-17' &&
      Statement.length > 0 &&
      Statement.every((each) => each.Action && each.Resource)
    )
      return;
  } catch {
    // As one that lacks a part.
  }
  throw new AwsFault('MalformedPolicyDocument', 'Syntax errors in policy.');
}
