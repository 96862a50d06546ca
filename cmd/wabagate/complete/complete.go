// Package complete answers a shell that asks what may be typed next: event types, dialects and the values of flags.
package complete

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

// Values lists what may stand in a place, each with a description behind a tab or without one, to who has typed the beginning.
type Values func(typed string) []string

// Flag completes the values of a command's flag. It panics where there is no such flag.
func Flag(cmd *cobra.Command, name string, values Values) {
	if err := cmd.RegisterFlagCompletionFunc(name, answer(values)); err != nil {
		panic(err) // a mistake in the program, found by any use of the command
	}
}

// First completes the first argument of a command, which takes no others.
func First(values Values) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return answer(values)(cmd, args, typed)
	}
}

func answer(values Values) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		fitting := slices.DeleteFunc(values(typed), func(v string) bool { return !strings.HasPrefix(v, typed) })
		return fitting, cobra.ShellCompDirectiveNoFileComp
	}
}

// Nothing is for what cannot be known, such as a key: no names of files either.
func Nothing(string) []string { return nil }

// Of lists the values that are given.
func Of(values ...string) Values { return func(string) []string { return slices.Clone(values) } }

// Events lists the event types.
func Events(string) []string {
	var all []string
	for _, t := range event.Catalogue() {
		all = append(all, t.Name+"\t"+t.Description)
	}
	return all
}

// Subscriptions lists the event types and the wildcards over them.
func Subscriptions(string) []string {
	all := []string{"*\tEverything."}
	for _, t := range event.Catalogue() {
		word, _, _ := strings.Cut(t.Name, ".")
		if wildcard := word + ".*\tAll that begin with " + word + "."; !slices.Contains(all, wildcard) {
			all = append(all, wildcard)
		}
	}
	return append(all, Events("")...)
}

// Dialects lists the dialects.
func Dialects(string) []string { return dialect.Names() }

// Listed completes the last of several values that are separated by commas, and offers none twice.
func Listed(values Values) Values {
	return func(typed string) []string {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		var all []string
		for _, v := range values(typed[len(before):]) {
			name, _, _ := strings.Cut(v, "\t")
			if !slices.Contains(strings.Split(before, ","), name) {
				all = append(all, before+v)
			}
		}
		return all
	}
}
