"""Uses of the laboratory beside a study: labels of one's own, comparisons, rankings, exported students."""
