// Package simulator stands in for WhatsApp: it makes up customers who write and messages that travel, and turns them
// into callback bodies like those of the platform. It opens no connection; whoever posts a body signs it with
// [wabagate/waba.Sign] first.
//
// The unit is a [Fact]: one message, one status, one out-of-band error or one change of another field, with an id.
// Facts come from [Simulator.Next] and are put into bodies by [Simulator.Callback], one by one or batched, once or
// several times, in any order ([Rebatch]); the ids tell afterwards what arrived, what was lost and what came twice.
//
// By itself the stream is plain: texts, media and statuses, as on a live number. [Kinds] lists everything that WhatsApp
// is known to send, and some of what it may send one day; [Simulator.Kind] makes one of a kind, and [Mix] lets them all
// into the stream. A kind is a fixture in kinds, JSON with gaps for what changes from fact to fact. To add one, write
// the file and list it in kinds/index.txt.
//
// Who knows already what happened writes it down as a [Letter] or a [Report], which become facts of the same shapes.
//
// # Faithful in
//
//   - escaping: non-ASCII as \uXXXX with lower-case digits, astral characters as two surrogates, "/" as "\/";
//   - identity: some customers withhold their number and are known by user id only, some have a username;
//   - statuses: sent, delivered, read in this order for each outbound message, with the messages interleaved; pricing
//     on the first two; a contact beside them, without the username on sent, and none on failed;
//   - references: edits, deletions, reactions and payments are about what was sent before, statuses follow the echoes of
//     the phone app, and whoever announced another number goes on writing with it;
//   - text: several scripts, emoji, and the characters that break careless encoders.
//
// # Deterministic
//
// Two simulators with equal [Options], Start included, produce the same facts and the same bytes for ever. A
// Simulator is for one goroutine.
package simulator
