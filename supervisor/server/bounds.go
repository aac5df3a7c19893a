package server

import (
	"fmt"
	"strings"
)

// What is said of an execution or a well goes into records, logs, events and
// every status, so it is bounded; functions may say anything.
const (
	longestBlame   = 16 << 10 // bytes, of what a client is told of its mistakes
	longestError   = 4 << 10  // of how a well failed
	longestWarning = 512
	mostWarnings   = 64 // of a well
)

// firstLines cuts a text at the end of a line, if it is longer than limit.
func firstLines(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	kept := strings.ToValidUTF8(text[:limit], "")
	if end := strings.LastIndexByte(kept, '\n'); end > 0 {
		return fmt.Sprintf("%s\n… and %d lines more", kept[:end], strings.Count(text[end+1:], "\n")+1)
	}
	return kept + "…"
}

// firstWarnings bounds the warnings of a well.
func firstWarnings(warnings []string) []string {
	more := len(warnings) - mostWarnings
	kept := make([]string, 0, min(len(warnings), mostWarnings+1))
	for _, warning := range warnings[:min(len(warnings), mostWarnings)] {
		kept = append(kept, firstLines(warning, longestWarning))
	}
	if more > 0 {
		kept = append(kept, fmt.Sprintf("… and %d warnings more", more))
	}
	return kept
}
