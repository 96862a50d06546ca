// Package near finds, for a word that is none of the known ones, those that the writer may have meant.
package near

import (
	"cmp"
	"slices"
	"strings"
)

// longest is the longest word that is compared, in bytes.
const longest = 60

// Names are up to three of the known names that look most like a wrong one, the nearest first. A name that contains the
// wrong word is near too. Nil when none comes close.
func Names(wrong string, known []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	wrong = strings.ToLower(strings.TrimSpace(wrong))
	if wrong == "" || len(wrong) > longest {
		return nil
	}
	var found []candidate
	for _, name := range known {
		d := distance(wrong, name)
		if strings.Contains(name, wrong) {
			d = min(d, 1)
		}
		if d <= max(2, len(name)/3) {
			found = append(found, candidate{name, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, f := range found[:min(3, len(found))] {
		names = append(names, f.name)
	}
	return names
}

// distance is the number of single letters to insert, delete or replace between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
