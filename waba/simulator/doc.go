// Package simulator stands in for WhatsApp: it makes up customers who write and messages that travel, and turns them
// into callback bodies like those of the platform. It opens no connection; whoever posts a body signs it with
// [wabagate/waba.Sign] first.
//
// The unit is a [Fact]: one message, one status or one out-of-band error, with an id. Facts come from
// [Simulator.Next] and are put into bodies by [Simulator.Callback], one by one or batched, once or several times, in
// any order ([Rebatch]); the ids tell afterwards what arrived, what was lost and what came twice.
//
// # Faithful in
//
//   - escaping: non-ASCII as \uXXXX with lower-case digits, astral characters as two surrogates, "/" as "\/";
//   - identity: some customers withhold their number and are known by user id only, some have a username;
//   - statuses: sent, delivered, read in this order for each outbound message, with the messages interleaved; pricing
//     on the first two; a contact beside them, without the username on sent, and none on failed;
//   - text: several scripts, emoji, and the characters that break careless encoders.
//
// # Deterministic
//
// Two simulators with equal [Options], Start included, produce the same facts and the same bytes for ever. A
// Simulator is for one goroutine.
package simulator
