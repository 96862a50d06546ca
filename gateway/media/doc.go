// Package media keeps the files of messages for longer than the platform does, whose addresses are good for five minutes and
// whose files are for seven days, and gives them to whoever holds a number's key or a link.
//
// # One file
//
// A medium is a row ([models.Media]). Whoever asks first has it fetched ([Files.Open]); a number that wants its files ahead
// has them fetched as soon as their message came ([Files.Run]). Of all processes one fetches: it claims the row, and others
// wait for it. The bytes go into a file without a name while they are counted, hashed and looked at, and get their name, which
// is made of their SHA-256, once they are all there and are what they were said to be. Nothing of a file is kept in memory.
//
// # What is refused
//
// What is larger than Options.Limit; programs, scripts, HTML and SVG, whatever they call themselves; what is not of the family
// it says it is of; what has another hash or size than the platform says. A refusal is remembered. What might pass (no
// connection, a token that is no longer good, a platform in trouble) is tried again, for as long as the platform keeps files.
//
// # What is told
//
// media.ready and media.failed, once for each file that came with a message. A medium that is settled stays due until it has
// been told, so a process that dies in between loses nothing.
//
// # What goes
//
// Files whose last medium went: it was deleted, its message was, its contact was erased, or it became older than
// Options.Retention. The row of a file outlives its bytes, so no bytes stay that nobody knows of.
package media
