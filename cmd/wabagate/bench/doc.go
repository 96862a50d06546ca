// Package bench measures the gateway on the machine at hand, beside what the machine can do: each figure stands next
// to a limit that was measured in the same run with the same number of connections.
//
// The gateway under test is this executable, run as a process of its own, so that its CPU time and memory are its own.
// What it is compared with runs as a process of its own too (a hidden subcommand, see Limit). The load and the
// receiver of the deliveries are in the measuring process, and count every callback by its id.
//
// Throughput counts everything from the first post on. Latencies leave out the first 5 % of the posts, while
// connections open and statements are prepared; that is the only warm-up.
//
// Nothing is left behind: databases, keys, directories and processes go on every way out, but for a kill -9.
package bench
