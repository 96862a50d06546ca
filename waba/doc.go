// Package waba understands what WhatsApp posts to a business: it proves that a callback is genuine, takes it apart
// into changes, messages, statuses, payments, echoes, history, notices and errors, and can put a single one of them back
// into an envelope of its own. It also knows the words around them: what an error code calls for, how a tracking string is
// written, and which spellings of a number are one person.
//
// It is pure: bytes in, plain values out, standard library only. It knows no network, no storage and no customer. What
// a fact means to the product (which event it becomes, who hears of it) is decided elsewhere.
//
// # Promises
//
//   - [Verify] fails closed. A blank secret verifies nothing.
//   - [Parse] never panics and drops nothing. Inside a well-formed envelope every element of every array ends up in
//     the result: understood, or as an [Unrecognized] with the reason and the bytes.
//   - Every field is optional and every enum is open. An unknown message type or status is data, not an error. A member of
//     the wrong JSON type makes its element unrecognized where the rest would say something else without it; otherwise it
//     is left out.
//   - A number is accepted where text is usual and the reverse: the platform's own pages mix them for timestamps,
//     identifiers and error codes. A null is an absent value. Numbers become text digit by digit, never through a
//     float.
//   - Keys are matched exactly, upper and lower case included.
//
// # Memory
//
// Every json.RawMessage in a result is a window into the body that was parsed, so a body handed to [Parse] must not
// be changed or reused while the result is alive. Strings are copies, and so is what had to be unpacked or cut out: the
// response of a [Form], the Raw of a chunk of history, the Thread of a [HistoryMessage].
//
// # Vocabulary
//
// The words are the platform's: a callback holds entries, one per WhatsApp Business account (WABA); an entry holds
// changes; a change has a field, which decides the shape of its value. A wamid is the id of one message. A user is
// known by a number (wa_id), by a business-scoped user id (BSUID, since 2026), or by both; neither is guaranteed.
package waba
