package protocol

import (
	"os"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
