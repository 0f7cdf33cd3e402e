"""What a corpus owner wants to know of annotations without any model: where they contradict each other."""
