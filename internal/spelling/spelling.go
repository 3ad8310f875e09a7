// Package spelling finds what a misspelt name may have been meant to be.
package spelling

import "strings"

// Nearest is the candidate that name may be a misspelling of; "" if there is none.
// The case of letters does not count.
func Nearest(name string, candidates []string) string {
	name = strings.ToLower(name)
	best, least := "", 2+len(name)/4
	part, leastPart := "", 0
	for _, candidate := range candidates {
		lower := strings.ToLower(candidate)
		d := distance(name, lower)
		if d < least {
			best, least = candidate, d
		}
		if len(name) > 3 && (strings.Contains(lower, name) || strings.Contains(name, lower)) && (part == "" || d < leastPart) {
			part, leastPart = candidate, d
		}
	}
	if best == "" {
		return part
	}
	return best
}

// distance is how many letters have to be added, left out, replaced, or swapped with
// the next one to turn a into b.
func distance(a, b string) int {
	var last, row []int // row i-2 and row i-1
	next := make([]int, len(b)+1)
	for j := range next {
		next[j] = j
	}
	for i := range len(a) {
		last, row, next = row, next, make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			replaced := row[j]
			if a[i] != b[j] {
				replaced++
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, replaced)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], last[j-1]+1)
			}
		}
	}
	return next[len(b)]
}
