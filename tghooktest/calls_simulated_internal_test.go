package tghooktest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notSimulated returns the methods that the documentation lists as accepted and not
// simulated, sorted.
func notSimulated(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../docs/testing.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n## Methods without an effect\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var methods []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") {
			for _, found := range regexp.MustCompile("`([A-Za-z]+)`").FindAllStringSubmatch(line, -1) {
				methods = append(methods, found[1])
			}
		}
	}
	slices.Sort(methods)
	return methods
}

func TestTheDocumentationListsTheMethodsThatAreNotSimulated(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("internal/botapi/methods.tsv")
	require.NoError(t, err)
	var want []string
	_, lines, _ := strings.Cut(string(table), "\n")
	for line := range strings.Lines(lines) {
		if name, _, _ := strings.Cut(line, "\t"); !simulates(name) {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	assert.Equal(t, want, notSimulated(t), "the table in docs/testing.md")
}
