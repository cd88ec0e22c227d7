// Why a peer is not reached directly: a code for programs, what was seen, and what its owner can do
// about it. Told by `kith peers`, so that nobody has to guess.

import type { NatKind } from './ground.js';
import type { PathReasonView } from './machines.js';

export type ReasonCode =
  | 'no-session' // nobody asked for it
  | 'relay-only' // a setting
  | 'no-candidates' // nobody knows where it is
  | 'udp-blocked'
  | 'hard-nat-both'
  | 'hard-nat-port-restricted'
  | 'trying'
  | 'no-answer'
  | 'unknown';

/** What is known of the attempts at one peer. */
export type PathFacts = Readonly<{
  met: boolean;
  relayOnly: boolean;
  ours: NatKind;
  theirs: NatKind;
  candidates: number;
  tries: number; // bursts without an answer, the first one left out
  trying: boolean;
  port: number; // of ours, to be forwarded; 0: not known
}>;

const TRIES_TELLING = 2; // fewer may have been lost on the way

export function explain(facts: PathFacts): PathReasonView {
  const code = codeOf(facts);
  return { code, ...wordsOf(code, facts) };
}

function codeOf(facts: PathFacts): ReasonCode {
  const { ours, theirs } = facts;
  if (facts.relayOnly) return 'relay-only';
  if (ours === 'blocked' || theirs === 'blocked') return 'udp-blocked';
  if (facts.candidates === 0) return facts.met || facts.tries > 0 ? 'no-candidates' : 'no-session';
  if (!facts.met && facts.tries === 0 && !facts.trying) return 'no-session';
  if (ours === 'hard' && theirs === 'hard') return 'hard-nat-both';
  const told = facts.tries >= TRIES_TELLING;
  // An easy NAT that lets in anybody, or any port, would have been passed by now.
  if (told && (ours === 'hard' || theirs === 'hard')) return 'hard-nat-port-restricted';
  if (told) return 'no-answer';
  return facts.trying || facts.met ? 'trying' : 'unknown';
}

type Words = Omit<PathReasonView, 'code'>;

function wordsOf(code: ReasonCode, facts: PathFacts): Words {
  const forward = facts.port > 0 ? `UDP port ${facts.port}` : 'the UDP port of this node';
  switch (code) {
    case 'no-session':
      return {
        evidence: 'nothing was sent to it lately',
        advice: 'Nothing to do: a path is made with the first packet.',
      };
    case 'relay-only':
      return {
        evidence: 'the settings ask for a relay for this peer',
        advice: 'Change that setting if a direct path is wanted.',
      };
    case 'no-candidates':
      return {
        evidence: 'no tracker, broker or LAN says where it is',
        advice: 'See that it is switched on and has internet access.',
      };
    case 'udp-blocked':
      return {
        evidence: `no UDP gets through at ${facts.ours === 'blocked' ? 'this' : 'the other'} end`,
        advice: 'Let UDP out of the network there, or stay on the relay.',
      };
    case 'hard-nat-both':
      return {
        evidence: 'both routers give each destination a port of its own (symmetric NAT)',
        advice: `At one end, forward ${forward}, switch on UPnP or PCP, or use IPv6.`,
      };
    case 'hard-nat-port-restricted':
      return hardOne(facts, forward);
    case 'trying':
      return {
        evidence: `${places(facts)} being tried`,
        advice: 'Wait a few seconds.',
      };
    case 'no-answer':
      return {
        evidence: `${places(facts)} tried ${facts.tries} times, nothing came back`,
        advice: `See that firewalls at both ends let UDP out, or forward ${forward}.`,
      };
    case 'unknown':
      return { evidence: 'no attempt has ended yet', advice: 'Wait a few seconds.' };
  }
}

function hardOne(facts: PathFacts, forward: string): Words {
  const here = facts.ours === 'hard';
  const [hard, strict] = here ? ['this', 'the other'] : ['the other', 'this'];
  return {
    evidence:
      `the router at ${hard} end gives each destination a port of its own (symmetric NAT), ` +
      `and the one at ${strict} end lets in only the port that was sent to`,
    advice: `At either end, forward ${forward}, switch on UPnP or PCP, or use IPv6.`,
  };
}

function places({ candidates }: PathFacts): string {
  return candidates === 1 ? '1 place is known and' : `${candidates} places are known and`;
}
