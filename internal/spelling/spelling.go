// Package spelling finds the name that a misspelt name may stand for.
package spelling

import "strings"

// Nearest returns the candidate that name may be a misspelling of; "" if there is none. It
// ignores the case of letters.
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

// distance returns how many letters must be added, removed, replaced, or swapped with the
// next one to turn a into b.
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
