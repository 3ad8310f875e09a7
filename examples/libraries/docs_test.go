package libraries_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/docs"
)

// Each section shows the program that it links to. The text before the sections shows code
// of all programs.
func TestTheDocumentationShowsThesePrograms(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/libraries.md")
	require.NoError(t, err)
	link := regexp.MustCompile(`(?m)^\[examples/libraries/(\w+)\]\(\.\./examples/libraries/(\w+)\)$`)
	shown := map[string]bool{}
	for section := range strings.SplitSeq(string(doc), "\n## ") {
		title, _, _ := strings.Cut(section, "\n")
		program := "gotelegram"
		names := link.FindStringSubmatch(section)
		if names != nil {
			program = names[2]
			shown[program] = true
			assert.Equal(t, names[2], names[1], title)
		}
		source := read(t, program)
		blocks := docs.Blocks(section)
		for _, block := range blocks {
			if !strings.Contains(source, block) {
				t.Errorf("%s shows what is not in %s:\n%s", title, program, block)
			}
		}
		if names != nil && len(blocks) == 0 {
			t.Errorf("%s shows nothing", title)
		}
	}
	programs, err := filepath.Glob("*/bot.go")
	if err != nil || len(programs) == 0 {
		t.Fatalf("there are no programs: %v", err)
	}
	for _, program := range programs {
		if name := filepath.Dir(program); !shown[name] {
			t.Errorf("%s has no section", name)
		}
	}
}

func read(t *testing.T, program string) string {
	t.Helper()
	var source strings.Builder
	files, err := filepath.Glob(filepath.Join(program, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		source.Write(content)
	}
	return source.String()
}
