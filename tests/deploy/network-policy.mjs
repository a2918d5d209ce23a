// What a network policy lets through, a line for each rule, so that a table can say what it should be:
//
//   pods(app=a) <- namespace(name=b) pods(app=c): http/TCP      Ingress
//   pods(app=a) -> 10.64.0.0/24: 6379/TCP                       Egress
//
// `*` is all: an empty selector, no peers, no ports. Rules of a direction that isn't in policyTypes are void, and have no line.

export function traffic({ spec }) {
  const selector = ({ matchLabels = {}, matchExpressions = [] }) => [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values }) => `${key}${operator === 'In' ? '=' : operator}${values?.join('|')}`),
  ].join(' ') || '*';
  const network = ({ cidr, except }) => (except ? `${cidr} but ${except.join(' ')}` : cidr);
  const peer = ({ namespaceSelector, podSelector, ipBlock }) => [
    ipBlock && network(ipBlock),
    namespaceSelector && `namespace(${selector(namespaceSelector)})`,
    podSelector && `pods(${selector(podSelector)})`,
  ].filter(Boolean).join(' ');
  const listed = (found, separator, text) => found?.map(text).join(separator) || '*';
  const range = ({ port = '*', endPort, protocol }) => `${port}${endPort ? `-${endPort}` : ''}/${protocol}`;
  const lines = (sign, rules = []) => rules.map(({ from, to, ports }) =>
    `pods(${selector(spec.podSelector)}) ${sign} ${listed(from ?? to, ', ', peer)}: ${listed(ports, ' ', range)}`);
  return [
    ...(spec.policyTypes.includes('Ingress') ? lines('<-', spec.ingress) : []),
    ...(spec.policyTypes.includes('Egress') ? lines('->', spec.egress) : []),
  ];
}
