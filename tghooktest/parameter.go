package tghooktest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/spec"
)

// olderParameters are the parameters that Telegram's server still reads, though the
// documentation no longer has them.
var olderParameters = []string{
	"allow_sending_without_reply", "reply_to_message_id", "disable_web_page_preview", // of what sends
	"thumb", "correct_option_id", "switch_pm_text", "switch_pm_parameter",
	"can_send_messages", "can_send_media_messages", "can_send_other_messages", "can_add_web_page_previews", // of restrictChatMember
	"can_manage_voice_chats",
	"png_sticker", "tgs_sticker", "webm_sticker", "emojis", "mask_position", "contains_masks", // of sticker sets
}

// unknownParameters returns the names of the parameters and files that the method does not
// have; none if there is no such method.
func unknownParameters(p botapi.Params) (names []string) {
	method, ok := spec.Lookup(p.Method)
	if !ok {
		return nil
	}
	has := func(name string) bool {
		return slices.ContainsFunc(method.Params, func(m spec.Member) bool { return m.Name == name }) || slices.Contains(olderParameters, name)
	}
	const enough = 100 // bytes
	for name := range p.Values {
		if !has(name) {
			names = append(names, name[:min(len(name), enough)])
		}
	}
	for name := range p.Files {
		if !has(name) && !attaches(p, name) {
			names = append(names, name[:min(len(name), enough)])
		}
	}
	slices.Sort(names)
	return names
}

// warnOfParameters warns of parameters that the method does not have.
func (s *Server) warnOfParameters(method string, unknown []string) {
	for _, name := range unknown {
		s.warnOnce(method+" "+name, fmt.Sprintf("%s has no parameter %q, so Telegram ignores it", method, name))
	}
}

// attaches reports whether a value refers to the file of that name. JSON may escape the
// slashes.
func attaches(p botapi.Params, file string) bool {
	for _, value := range p.Values {
		if strings.Contains(strings.ReplaceAll(value, `\/`, "/"), "attach://"+file) {
			return true
		}
	}
	return false
}
