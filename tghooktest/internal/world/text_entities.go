package world

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// finder finds entities of one type.
type finder struct {
	kind    string
	pattern *regexp.Regexp
	// clean returns how many bytes of the find are the entity; 0 if it is not one. before
	// and after are the runes around the find; utf8.RuneError is an end of the text.
	clean func(find string, before, after rune) int
}

var finders = []finder{
	{"mention", regexp.MustCompile(`@[A-Za-z0-9_]{4,32}`), func(find string, before, after rune) int {
		return lengthIf(find, !isWord(before) && !isWord(after))
	}},
	{"bot_command", regexp.MustCompile(`/[A-Za-z0-9_]{1,64}(@[A-Za-z0-9_]{3,32})?`), func(find string, before, after rune) int {
		return lengthIf(find, !isWord(before) && !isWord(after) && !isTagRune(before) && !isTagRune(after))
	}},
	{"hashtag", regexp.MustCompile(`#[\pL\d_\x{200c}]{1,256}`), func(find string, before, after rune) int {
		return lengthIf(find, !isWord(before) && after != '#' && strings.ContainsFunc(find, unicode.IsLetter))
	}},
	{"email", regexp.MustCompile(`[A-Za-z0-9_.+%-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}`), func(find string, before, after rune) int {
		return lengthIf(find, !isWord(before) && !isWord(after))
	}},
	{"url", linkPattern, cleanLink},
}

// findEntities finds the entities that Telegram itself marks in a text: mentions, commands,
// hashtags, e-mail addresses and links. It does not look for cashtags, phone and card
// numbers.
func findEntities(text string) []Entity {
	type span struct {
		kind       string
		start, end int
	}
	var spans []span
	for _, f := range finders {
		for _, at := range f.pattern.FindAllStringIndex(text, -1) {
			before, _ := utf8.DecodeLastRuneInString(text[:at[0]])
			after, _ := utf8.DecodeRuneInString(text[at[1]:])
			if n := f.clean(text[at[0]:at[1]], before, after); n > 0 {
				spans = append(spans, span{f.kind, at[0], at[0] + n})
			}
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Or(a.start-b.start, b.end-a.end) })
	var found []Entity
	end := 0
	for _, s := range spans {
		if s.start >= end {
			found = append(found, Entity{Offset: units(text[:s.start]), Length: units(text[s.start:s.end]), Type: s.kind})
			end = s.end
		}
	}
	return found
}

// units counts UTF-16 code units, the unit of Telegram's offsets and lengths.
func units(text string) int {
	n := 0
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}

func lengthIf(find string, is bool) int {
	if !is {
		return 0
	}
	return len(find)
}

func isWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

// isTagRune reports whether r next to a slash makes it part of a path or tag, so that it
// starts no command.
func isTagRune(r rune) bool { return r == '/' || r == '<' || r == '>' }

var linkPattern = regexp.MustCompile(`(?i)((?:https?|ftp)://)?((?:[\pL\d_-]+\.)+[\pL\d-]+)(:\d{1,5})?([/?#][^\s<>"]*)?`)

func cleanLink(find string, before, _ rune) int {
	parts := linkPattern.FindStringSubmatch(find)
	scheme, host, path := parts[1], parts[2], parts[4]
	top := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	bare := scheme == "" && (before == '@' || before == '/' || before == '.' || !slices.Contains(topLevels, top))
	if bare || isWord(before) {
		return 0
	}
	return len(find) - (len(path) - len(strings.TrimRight(path, ".:;,('?!`")))
}

// topLevels are the domains under which a name without a scheme is a link. Telegram knows
// all domains.
var topLevels = strings.Fields(`
	academy agency ai app art at au be biz blog br ca cc ch cloud club cn co com cz de dev digital edu email es eu
	fi fm fr games gg gov gr guru hu id ie il im in info int io ir is it jobs jp kr link live love ly md me media mil
	mobi moe museum name net network news nl no nz online org ovh page pl pro pt pub ro rocks rs ru se sh shop si
	site sk social software space store studio su tech to today top tr travel tv tw ua uk us uz website wiki work
	world ws xyz za zone рф укр`)
