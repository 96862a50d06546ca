// Package graph calls WhatsApp on behalf of a business's number: it sends messages, moves media, asks about tokens, numbers
// and templates, and says where callbacks go. It speaks to the Graph API and to providers of the 360dialog and of the
// On-Premises style, and tells an answer's meaning ([Judge]): whether the message went out, may go out again, or cannot be
// known to have gone out.
//
// # Promises
//
//   - One call is one request, but for lists, which are fetched page by page, for a file whose address went stale, and for
//     [Client.DeleteWebhook]. Nothing is ever posted twice: a caller that wants another try asks [Judge] and calls again.
//   - Redirects are not followed, so that a key never travels to a host that nobody named.
//   - Answers are read up to 1 MiB; files are streamed, in memory that does not depend on their size.
//   - Tokens, keys and secrets stand in no error, also where the platform repeats them in its own words.
//   - How long a call may take, which addresses may be dialled and through which proxy is decided by the HTTP client that
//     [New] is given, and by the context.
//
// What a code means is explained by the parent package, [wabagate/waba.Explain]; see [Error.Advice].
package graph
