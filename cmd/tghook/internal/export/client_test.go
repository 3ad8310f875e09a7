package export_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/export"
)

// program returns the path of a program that a test needs. Without it, the test is left out,
// but not in CI.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("needs %s", name)
	}
	require.NoError(t, err)
	return path
}

// buildTghook builds the command once.
var buildTghook = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tghook-export-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tghook")
	cmd := exec.Command("go", "build", "-o", path, "../..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tghook: %w: %s", err, out)
	}
	return path, nil
})

// clientDir puts an exported test and the client that it needs in a directory.
func clientDir(t *testing.T, client, name string, source []byte) string {
	t.Helper()
	dir := t.TempDir()
	content, err := os.ReadFile(filepath.Join("../../examples", client))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(client)), content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), source, 0o600))
	return dir
}

// languagesOfTests are how the exported tests on the control API are run.
var languagesOfTests = []struct {
	format       export.Format
	client, name string
	command      []string
}{
	{export.Pytest, "python/tghook_dev.py", "test_sample_session.py", []string{"python3", "-m", "unittest", "-v", "test_sample_session"}},
	{export.Node, "node/tghook-dev.mjs", "sample-session.test.mjs", []string{"node", "--test", "sample-session.test.mjs"}},
}

func TestTheTestsOnTheControlAPIPassWithTheBotAndFailWithABrokenOne(t *testing.T) {
	tghook, err := buildTghook()
	require.NoError(t, err)
	s := session(t, everything)
	for _, l := range languagesOfTests {
		t.Run(string(l.format), func(t *testing.T) {
			t.Parallel()
			command := program(t, l.command[0])
			dir := clientDir(t, l.client, l.name, write(t, l.format, s))
			env := []string{"TGHOOK=" + tghook}
			out, ok := run(t, dir, env, command, l.command[1:]...)
			require.True(t, ok, out)
			out, ok = run(t, dir, append(env, "EXPORT_TEST_BREAK=text"), command, l.command[1:]...)
			require.False(t, ok, out)
			require.Contains(t, out, "the bot did not say", "the failure says what is missing")
		})
	}
}

func TestTheTestsOnTheControlAPIOfAGroupPass(t *testing.T) {
	tghook, err := buildTghook()
	require.NoError(t, err)
	s := session(t, together)
	for _, l := range languagesOfTests {
		t.Run(string(l.format), func(t *testing.T) {
			t.Parallel()
			command := program(t, l.command[0])
			dir := clientDir(t, l.client, l.name, write(t, l.format, s))
			out, ok := run(t, dir, []string{"TGHOOK=" + tghook}, command, l.command[1:]...)
			require.True(t, ok, out)
		})
	}
}

func TestNoTextBreaksThePythonSource(t *testing.T) {
	checkHostile(t, export.Pytest, program(t, "python3"), "-c", `
import ast, json, sys
for source in json.load(sys.stdin):
    tree = ast.parse(source)
    print(json.dumps([n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]))
`)
}

func TestNoTextBreaksTheNodeSource(t *testing.T) {
	// The source runs on a client that keeps all texts that it gets.
	checkHostile(t, export.Node, program(t, "node"), "-e", `
const sources = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const all = async () => {
  for (const source of sources) {
    const texts = []
    const keep = value => {
      if (typeof value === 'string') texts.push(value)
      else if (typeof value === 'object' && value !== null) for (const [k, v] of Object.entries(value)) { keep(k); keep(v) }
    }
    const mock = () => new Proxy(function () {}, {
      get: (_, name) => name === 'then' ? undefined : name === 'length' ? 2 : mock(),
      apply: (_, __, args) => { args.forEach(keep); return mock() },
    })
    const body = source.replace(/^import .*$/gm, '')
    const AsyncFunction = (async () => {}).constructor
    const assert = {ok() {}, equal(_, text) { keep(text) }}
    const desk = mock()
    await new AsyncFunction('assert', 'test', 'Desk', body.replace("test('session', async t => {", 'await test(async t => {'))(assert, f => f({after() {}}), desk)
    console.log(JSON.stringify(texts))
  }
}
all()
`)
}

// checkHostile writes sources of hostile sessions and requires that the program, which gets
// them as a JSON array and prints the texts of each in a line, finds all texts in them.
func checkHostile(t *testing.T, f export.Format, command string, args ...string) {
	t.Helper()
	const many = 200
	sources, all := make([]string, 0, many), make([][]string, 0, many)
	for seed := range uint64(many) {
		s, texts := hostileSession(rand.New(rand.NewPCG(seed, 2)))
		sources, all = append(sources, string(write(t, f, s))), append(all, texts)
	}
	cmd := exec.CommandContext(t.Context(), command, args...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		_, _ = in.Write(encode(sources)) // if it fails, the program finds too little
		in.Close()
	}()
	lines := json.NewDecoder(out)
	for i, texts := range all {
		var values []string
		require.NoError(t, lines.Decode(&values), "seed %d:\n%s", i, sources[i])
		requireTexts(t, fmt.Sprint("seed ", i), texts, values)
	}
	require.NoError(t, cmd.Wait())
}
