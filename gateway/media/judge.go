package media

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

// Why a file is not to be had. The first five are final; see also the API.
const (
	Gone        = "gone"         // the platform no longer has it, or never had it for this number
	TooLarge    = "too_large"    // larger than Options.Limit
	TypeRefused = "type_refused" // a program, a script, a page
	TypeDiffers = "type_differs" // not what it says it is
	Corrupt     = "corrupt"      // its bytes are not those that the platform speaks of
	Unreachable = "unreachable"  // no answer, or a platform in trouble; it may come yet
	NoAccess    = "no_access"    // the number has no token, or one that the platform refuses
	Underway    = "underway"     // somebody is fetching it
)

// refuse is a refusal that stays.
func refuse(code, format string, args ...any) *models.MediaError {
	return &models.MediaError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// later is a refusal that may pass.
func later(code string, after time.Duration, format string, args ...any) *models.MediaError {
	e := refuse(code, format, args...)
	e.RetryAfter = after
	return e
}

const (
	// pause is the least wait before another attempt to fetch.
	pause = 5 * time.Second
	// accessPause is that when the token is refused: a person has to do something.
	accessPause = time.Minute
	// longestPause bounds the growth of waits.
	longestPause = time.Hour
	// patience is how often an answer may come that makes no sense before the file is given up.
	patience = 3
)

// codeMissing is the platform's for an object that is not there, or not for this token; codeMedia that for a file of a
// customer which it could not fetch itself.
const (
	codeMissing = 100
	codeMedia   = 131052
)

// judge says what the error of the n-th attempt to fetch means. Errors that have nothing to do with the platform stay as they
// are.
func judge(err error, n int) error {
	var answer *graph.Error
	var transport *graph.TransportError
	var refused *models.MediaError
	switch {
	case errors.As(err, &refused):
		if refused.Code == Corrupt && n < patience {
			return later(Corrupt, pause, "%s", refused.Message)
		}
		return refused
	case errors.As(err, &answer):
		return judgeAnswer(answer, n)
	case errors.As(err, &transport):
		return later(Unreachable, pause, "The platform did not give the file: %s.", err)
	case errors.Is(err, graph.ErrAccount):
		return later(NoAccess, accessPause, "The file cannot be asked for: %s.", err)
	}
	return err
}

func judgeAnswer(e *graph.Error, n int) error {
	v := graph.Judge(e)
	switch {
	case v.Decision == graph.Unauthorized, e.Status == http.StatusForbidden:
		return later(NoAccess, accessPause, "The platform refuses the number's token: %s.", e.Title)
	case v.Decision == graph.Retry:
		return later(Unreachable, max(pause, v.After), "The platform is asked too often: %s.", e.Title)
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone, e.Coded && (e.Code == codeMissing || e.Code == codeMedia):
		return refuse(Gone, "The platform does not have the file any more, or not for this number. It keeps what customers send for 7 days.")
	case e.Status/100 == 2 && n >= patience: // a page, again and again, in the place of a file
		return refuse(TypeDiffers, "The platform gives something else instead of the file: %s.", e.Title)
	}
	return later(Unreachable, max(pause, e.RetryAfter), "The platform did not give the file: %s.", e.Title)
}

// wait is the pause after the n-th attempt, n from 1: at least what the refusal asks for, and doubling.
func wait(least time.Duration, n int) time.Duration {
	w := pause
	for ; n > 1 && w < longestPause; n-- {
		w *= 2
	}
	return max(min(w, longestPause), least)
}
