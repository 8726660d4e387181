"""All methods on stated tasks and pairs: on frozen features with many seeds, the leading ones finetuned with a few."""
